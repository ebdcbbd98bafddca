"""What does a neuron look for?"""
