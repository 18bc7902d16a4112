"""convlens predict: classify image files."""


def predict_command(net: str, /, *images: str) -> None:
    """Say which class each image is, and which others come next.

    Args:
        net: a shipped net ("lenet"), a run folder, or a net's .safetensors file.
        images: image files, or quoted patterns such as "new/*.png".
    """
    from rich.console import Console
    from rich.table import Table

    from convlens.architectures import open_net
    from convlens.training import predict

    table = Table("image", "class", "probability", "then", box=None)
    for prediction in predict(open_net(net), images):
        others = ", ".join(f"{name} {probability:.1%}" for name, probability in prediction.best[1:])
        table.add_row(prediction.name, prediction.class_name, f"{prediction.probability:.1%}", others)
    Console().print(table)
