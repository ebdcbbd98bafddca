"""Numbers about maps and networks: localisation, faithfulness, sanity, calibration, intervals."""
