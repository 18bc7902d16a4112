import json
import subprocess
import sys

from convlens.architectures import open_net, save_net


def convlens(*arguments, folder):
    command = [sys.executable, "-P", "-m", "convlens", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


def test_nets_lists_the_architectures_by_the_column_that_is_asked_for(tmp_path):
    rows = json.loads(convlens("nets", "--sort", "parameters", "--json", folder=tmp_path).stdout)
    assert {"alexnet", "googlenet", "vgg16", "resnet50", "densenet121"} <= {row["name"] for row in rows}
    counts = [row["parameters"] for row in rows]
    assert counts == sorted(counts)


def test_nets_describes_an_architecture_layer_by_layer(tmp_path):
    finished = convlens("nets", "resnet18", folder=tmp_path)
    assert "parameters       11,689,512\n" in finished.stdout
    assert finished.stdout.splitlines()[-1].split()[:3] == ["fc", "fully", "connected"]


def test_nets_describes_a_net_from_a_file_and_draws_it(tmp_path):
    lenet = open_net("lenet")
    save_net(tmp_path / "mine.safetensors", lenet.net, lenet.card)
    described = json.loads(convlens("nets", "mine.safetensors", "--json", folder=tmp_path).stdout)
    assert described["parameters"] == 63_802  # 156 + 2416 + 48120 + 12100 + 1010: the table of _lenet.py
    finished = convlens("nets", "mine.safetensors", "--picture", "mine.svg", folder=tmp_path)
    assert finished.stdout == "Written to mine.svg.\n"
    assert (tmp_path / "mine.svg").read_text().startswith("<?xml")


def test_nets_reads_a_net_that_is_written_down(tmp_path):
    (tmp_path / "small.yaml").write_text("image: 1 x 12 x 12\nlayers:\n  - convolution 6, 5x5\n  - relu\n  - softmax\n")
    described = json.loads(convlens("nets", "small.yaml", "--json", folder=tmp_path).stdout)
    assert described["layers"][0]["output"] == [1, 6, 8, 8]


def test_nets_refuses_an_unknown_net_in_a_sentence(tmp_path):
    finished = convlens("nets", "lenett", folder=tmp_path)
    assert finished.returncode == 1
    assert finished.stderr.startswith("convlens: A trained net is a shipped one")


def test_a_picture_that_cannot_be_written_is_refused_in_a_sentence_before_it_is_drawn(tmp_path):
    for path, said in (("x.gif", "named after its format"), ("none/x.png", "a folder that is there")):
        finished = convlens("nets", "resnet18", "--picture", path, folder=tmp_path)
        assert finished.returncode == 1
        assert finished.stderr.startswith("convlens: A figure")
        assert said in finished.stderr
        assert "Traceback" not in finished.stderr


def test_a_picture_and_a_list_are_not_asked_for_together(tmp_path):
    finished = convlens("nets", "lenet", "--picture", "x.svg", "--json", folder=tmp_path)
    assert finished.returncode == 1
    assert "in the place of a list" in finished.stderr


def test_a_reader_that_has_read_enough_ends_the_command_quietly(tmp_path):
    command = f"{sys.executable} -P -m convlens nets resnet50 --json | head -c 10"
    finished = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert finished.stdout == '{\n  "name"'
    assert finished.stderr == ""


def test_a_resumed_training_takes_no_other_options(tmp_path):
    finished = convlens(
        "train", "--resume", "run", "--flip", "--learning-rate", "0.5", "--net", "vgg16", folder=tmp_path
    )
    assert finished.returncode == 1
    assert "Received --resume with --net, --flip, --learning-rate." in finished.stderr
