"""Made-up hand-ins of each edition: finished and right, as a student might write them, and their skeletons."""

import re

LOSSES = """
def content_loss(content_weight, content_current, content_original):
    return content_weight * ((content_current - content_original) ** 2).sum()


def gram_matrix(features, normalize=True):
    N, C, H, W = features.shape
    flat = features.view(N, C, H * W)
    gram = torch.bmm(flat, flat.transpose(1, 2))
    return gram / (C * H * W) if normalize else gram


def style_loss(feats, style_layers, style_targets, style_weights):
    loss = 0
    for i, layer in enumerate(style_layers):
        loss = loss + style_weights[i] * ((gram_matrix(feats[layer]) - style_targets[i]) ** 2).sum()
    return loss


def tv_loss(img, tv_weight):
    down = (img[:, :, 1:, :] - img[:, :, :-1, :]) ** 2
    right = (img[:, :, :, 1:] - img[:, :, :, :-1]) ** 2
    return tv_weight * (down.sum() + right.sum())
"""
GUIDED = """
def guided_gram_matrix(features, masks, normalize=True):
    N, R, C, H, W = features.shape
    flat = (features * masks.unsqueeze(2)).view(N * R, C, H * W)
    gram = torch.bmm(flat, flat.transpose(1, 2)).view(N, R, C, C)
    return gram / (C * H * W) if normalize else gram


def guided_style_loss(feats, style_layers, style_targets, style_weights, content_masks):
    loss = 0
    for i, layer in enumerate(style_layers):
        gram = guided_gram_matrix(feats[layer], content_masks[layer])
        loss = loss + style_weights[i] * ((gram - style_targets[i]) ** 2).sum()
    return loss
"""
SALIENCY = """
def compute_saliency_maps(X, y, model):
    model.eval()
    X = X.detach().clone().requires_grad_()
    scores = model(X).gather(1, y.view(-1, 1)).squeeze(1)
    scores.sum().backward()
    return X.grad.abs().max(dim=1)[0]
"""
FOOLING = """
def make_fooling_image(X, target_y, model):
    X_fooling = X.clone().requires_grad_()
    learning_rate = RATE
    for i in range(100):
        scores = model(X_fooling)
        if scores.argmax(dim=1)[0] == target_y:
            break
        scores[0, target_y].backward()
        with torch.no_grad():
            X_fooling += learning_rate * X_fooling.grad / X_fooling.grad.norm()
            X_fooling.grad.zero_()
    return X_fooling
"""
STEP = """
def class_visualization_update_step(img, model, target_y, l2_reg, learning_rate):
    score = model(img)[0, target_y] - l2_reg * (img ** 2).sum()
    score.backward()
    with torch.no_grad():
        img += learning_rate * img.grad / img.grad.norm()
        img.grad.zero_()
"""
STEP_BY_NAME = """
def class_visualization_step(img, target_y, model, **kwargs):
    l2_reg = kwargs.pop('l2_reg', 1e-3)
    learning_rate = kwargs.pop('learning_rate', 25)
    score = model(img)[0, target_y] - l2_reg * (img ** 2).sum()
    score.backward()
    img.data += learning_rate * img.grad
    img.grad.zero_()
    return img
"""
CLASS_LOOP = """
class ClassVisualization:
    def jitter(self, X, ox, oy):
        return X.roll((oy, ox), dims=(2, 3))

    def blur_image(self, X, sigma=1):
        values = gaussian_filter1d(gaussian_filter1d(X.cpu().numpy(), sigma, axis=2), sigma, axis=3)
        X.copy_(torch.from_numpy(values))

    def create_class_visualization(self, target_y, class_names, model, dtype, **kwargs):
        model.eval()
        l2_reg, learning_rate = kwargs.pop('l2_reg', 1e-3), kwargs.pop('learning_rate', 25)
        blur_every, max_jitter = kwargs.pop('blur_every', 10), kwargs.pop('max_jitter', 16)
        img = torch.randn(1, 3, 224, 224).mul_(1.0).type(dtype).requires_grad_()
        for t in range(kwargs.pop('num_iterations', 100)):
            ox, oy = random.randint(0, max_jitter), random.randint(0, max_jitter)
            img.data.copy_(self.jitter(img.data, ox, oy))
            score = model(img)[0, target_y] - l2_reg * (img ** 2).sum()
            score.backward()
            with torch.no_grad():
                img += learning_rate * img.grad / img.grad.norm()
            img.grad.zero_()
            img.data.copy_(self.jitter(img.data, -ox, -oy))
            for c in range(3):
                low, high = float(-MEAN[c] / STD[c]), float((1.0 - MEAN[c]) / STD[c])
                img.data[:, c].clamp_(min=low, max=high)
            if t % blur_every == 0:
                self.blur_image(img.data, sigma=0.5)
        return deprocess(img.data.clone().cpu())
"""
GRADCAM = """
class CustomReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        x, = ctx.saved_tensors
        return gradient * (x > 0) * (gradient > 0)


class GradCam:
    def guided_backprop(self, X_tensor, y_tensor, gc_model):
        for param in gc_model.parameters():
            param.requires_grad = True
        gc_model = copy.deepcopy(gc_model).eval()
        for module in list(gc_model.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, torch.nn.ReLU):
                    setattr(module, name, Guided())
        X = X_tensor.detach().clone().requires_grad_()
        gc_model(X).gather(1, y_tensor.view(-1, 1)).sum().backward()
        return X.grad.permute(0, 2, 3, 1).numpy()

    def grad_cam(self, X_tensor, y_tensor, gc_model):
        self.kept = []
        forward = gc_model.features[12].register_forward_hook(lambda m, i, output: self.kept.append(output))
        scores = gc_model.eval()(X_tensor).gather(1, y_tensor.view(-1, 1)).sum()
        forward.remove()
        gradient, = torch.autograd.grad(scores, self.kept[0])
        cam = (gradient.mean(dim=(2, 3), keepdim=True) * self.kept[0]).sum(dim=1).clamp(min=0)
        cam = cam.detach().numpy()
        size = X_tensor[0, 0].shape
        cam = np.array([np.array(Image.fromarray(one).resize(size, Image.BICUBIC)) for one in cam])
        cam -= np.min(cam)
        cam /= np.max(cam)
        return cam


class Guided(torch.nn.Module):
    def forward(self, x):
        return CustomReLU.apply(x)
"""
GRADCAM_OF_PREDICTED = """
class GradCAM:
    def __init__(self, X):
        self.X = X
        self.model = torchvision.models.squeezenet1_1(pretrained=True).eval()

    def gradcam(self):
        result = []
        for x in self.X:
            image = preprocess(Image.fromarray(x))
            features = self.model.features(image)
            scores = self.model.classifier(features).flatten(1)
            gradient, = torch.autograd.grad(scores[0, scores[0].argmax()], features)
            heat = (gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1).clamp(min=0)
            heat = torch.nn.functional.interpolate(heat[None], image.shape[2:], mode='bilinear')[0, 0].detach().numpy()
            heat = (heat - heat.min()) / (heat.max() - heat.min())
            result.append([image[0].permute(1, 2, 0).numpy(), heat])
        return result
"""
STYLE_UTILS = """
def style_transfer(name, content_image, style_image, image_size, style_size, content_layer, content_weight,
                   style_layers, style_weights, tv_weight, content_loss, style_loss, tv_loss, cnn, dtype,
                   init_random=False):
    content_img = preprocess(Image.open(content_image), size=image_size).type(dtype)
    content_target = extract_features(content_img, cnn)[content_layer].clone()
    style_feats = extract_features(preprocess(Image.open(style_image), size=style_size).type(dtype), cnn)
    style_targets = [style_loss.gram_matrix(style_feats[idx].clone()) for idx in style_layers]
    img = content_img.clone().requires_grad_()
    optimizer = torch.optim.Adam([img], lr=3.0)
    for t in range(200):
        if t < 190:
            img.data.clamp_(-1.5, 1.5)
        optimizer.zero_grad()
        feats = extract_features(img, cnn)
        loss = content_loss(content_weight, feats[content_layer], content_target)
        loss = loss + style_loss(feats, style_layers, style_targets, style_weights) + tv_loss(img, tv_weight)
        loss.backward()
        if t == 180:
            optimizer = torch.optim.Adam([img], lr=0.1)
        optimizer.step()
    return deprocess(img.data.cpu())


def extract_features(x, cnn):
    features = []
    for _, module in cnn._modules.items():
        x = module(x)
        features.append(x)
    return features
"""
IMPORTS = "import copy\nimport random\n\nimport numpy as np\nimport torch\nimport torchvision\nfrom PIL import Image\n"


def function(text: str, name: str) -> str:
    return re.search(rf"\ndef {name}\(.*?(?=\n\n\n|\Z)", text, re.S).group(0)


def as_method(text: str, name: str, called: str) -> str:
    """One function of a text as a method."""
    found = function(text, name).replace(f"def {name}(", f"def {called}(self, ", 1)
    return found.replace("\n", "\n    ").replace("gram_matrix(feats", "self.gram_matrix(feats")


def style_modules() -> dict[str, str]:
    head = IMPORTS + "from torch import nn\n\n\nclass {}(nn.Module):\n"
    style = as_method(LOSSES, "gram_matrix", "gram_matrix") + "\n" + as_method(LOSSES, "style_loss", "forward")
    return {
        "style_modules/__init__.py": "from .content_loss import ContentLoss\nfrom .style_loss import StyleLoss\n"
        "from .tv_loss import TotalVariationLoss\n",
        "style_modules/content_loss.py": head.format("ContentLoss")
        + as_method(LOSSES, "content_loss", "forward")
        + "\n",
        "style_modules/style_loss.py": head.format("StyleLoss") + style + "\n",
        "style_modules/tv_loss.py": head.format("TotalVariationLoss") + as_method(LOSSES, "tv_loss", "forward") + "\n",
    }


def of_class(name: str, text: str, function_name: str) -> str:
    return f"{IMPORTS}\n\nclass {name}:\n{as_method(text, function_name, function_name)}\n"


CLASS_FILE = (
    IMPORTS
    + "from scipy.ndimage import gaussian_filter1d\n"
    + "from {} import SQUEEZENET_MEAN as MEAN, SQUEEZENET_STD as STD, deprocess\n"
    + CLASS_LOOP
)


def right(edition: str) -> dict[str, str]:
    """{path: text} of a finished hand-in, without the files that the course gives."""
    if edition == "cs231n":
        vision = IMPORTS + SALIENCY + "\n" + FOOLING.replace("RATE", "1") + "\n" + STEP
        return {
            "cs231n/__init__.py": "",
            "cs231n/net_visualization_pytorch.py": "from .image_utils import SQUEEZENET_MEAN\n" + vision,
            "cs231n/style_transfer_pytorch.py": "from .image_utils import SQUEEZENET_MEAN\n" + IMPORTS + LOSSES,
        }
    if edition == "eecs498":
        attack = FOOLING.replace("RATE", "1").replace(
            "make_fooling_image(X, target_y, model)",
            "make_adversarial_attack(X, target_y, model, max_iter=100, verbose=True)",
        )
        return {
            "network_visualization.py": "from a6_helper import *\n"
            + IMPORTS
            + SALIENCY
            + "\n"
            + attack
            + "\n"
            + STEP_BY_NAME,
            "style_transfer.py": IMPORTS + LOSSES + "\n" + GUIDED,
        }
    if edition == "cs7643-helpers":
        return style_modules() | {
            "saliency_visualization.py": "from helpers.data_utils import *\n"
            + of_class("SaliencyMap", SALIENCY, "compute_saliency_maps"),
            "class_visualization.py": CLASS_FILE.format("helpers.image_utils")
            .replace(" dtype,", "")
            .replace(".type(dtype)", ""),
            "gradcam_visualization.py": "from helpers.image_utils import preprocess\n" + IMPORTS + GRADCAM_OF_PREDICTED,
            "style_utils.py": IMPORTS + "from helpers.image_utils import preprocess, deprocess\n" + STYLE_UTILS,
        }
    return style_modules() | {
        "visualizers/__init__.py": "from .class_visualization import ClassVisualization\n"
        "from .fooling_image import FoolingImage\nfrom .gradcam import GradCam\n"
        "from .saliency_map import SaliencyMap\n",
        "visualizers/saliency_map.py": of_class("SaliencyMap", SALIENCY, "compute_saliency_maps"),
        "visualizers/fooling_image.py": of_class("FoolingImage", FOOLING.replace("RATE", "10"), "make_fooling_image"),
        "visualizers/class_visualization.py": CLASS_FILE.format("image_utils"),
        "visualizers/gradcam.py": IMPORTS + GRADCAM,
        "style_utils.py": IMPORTS + "from image_utils import preprocess, deprocess\n" + STYLE_UTILS,
        "gradcam.py": "raise SystemExit\n",
    }


TODO = """
    {indent}##########
    {indent}# TODO: write this
    {indent}##########
    {indent}pass
    {indent}##########
    {indent}#                             END OF YOUR CODE
    {indent}##########
    {indent}return result
"""


def skeleton(edition: str) -> dict[str, str]:
    """The same files, every function of them with an empty block."""
    files = right(edition)
    for name, text in files.items():
        lines, kept, inside = text.splitlines(), [], None
        for line in lines:
            indent = len(line) - len(line.lstrip())
            if inside is not None and line.strip() and indent <= inside:
                inside = None
            if inside is None:
                kept.append(line)
            if line.lstrip().startswith("def ") and inside is None:
                inside = indent
                for after in lines[lines.index(line) + 1 :] if not line.endswith(":") else ():
                    kept.append(after)  # a definition of several lines
                    if after.endswith(":"):
                        break
                kept.append(f"{' ' * indent}    result = None{TODO.format(indent=' ' * indent)}")
        files[name] = "\n".join(kept) + "\n"
    return files
