import pytest

from convlens.errors import RunError
from convlens.training import Recipe


def test_the_learning_rate_rises_to_its_highest_and_falls_towards_zero() -> None:
    recipe = Recipe.for_images(55_000)
    steps = recipe.steps(55_000)
    rates = [recipe.learning_rate_at(step, steps=steps) for step in range(steps)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(recipe.learning_rate)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[-1] < 0.01 * recipe.learning_rate
    assert top == pytest.approx(recipe.warm_up * steps, abs=1)


def test_a_training_of_one_step_takes_it_at_the_highest_rate() -> None:
    recipe = Recipe(epochs=1, batch_size=4)
    assert recipe.learning_rate_at(0, steps=1) == recipe.learning_rate


def test_an_epoch_leaves_out_what_does_not_fill_a_batch() -> None:
    assert Recipe(epochs=3, batch_size=10).steps(29) == 3 * 2


@pytest.mark.parametrize("images", [1, 9, 100, 3000])
def test_small_data_is_gone_through_until_there_are_enough_steps(images: int) -> None:
    steps = Recipe.for_images(images).steps(images)
    assert 400 <= steps < 600


def test_epochs_that_are_asked_for_are_kept() -> None:
    assert Recipe.for_images(100, epochs=3).epochs == 3


def test_json_gives_the_same_recipe_back() -> None:
    recipe = Recipe.for_images(1000, epochs=7)
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_options_that_are_asked_for_are_kept() -> None:
    recipe = Recipe.for_images(1000, flip=True, shift=1 / 8, learning_rate=0.05, loss="hinge")
    assert (recipe.flip, recipe.shift, recipe.learning_rate, recipe.loss) == (True, 1 / 8, 0.05, "hinge")


def test_a_recipe_of_a_time_with_fewer_fields_means_what_it_meant() -> None:
    written = {
        "epochs": 20, "batch_size": 128, "learning_rate": 0.02, "warm_up": 0.2, "momentum": 0.9,
        "label_smoothing": 0.1, "shift": 0.0357,
    }  # fmt: skip
    recipe = Recipe.from_json(written)
    assert (recipe.flip, recipe.loss, recipe.precision) == (False, "cross_entropy", "float32")


def test_an_unknown_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RunError, match=r"options are learning_rate, .*precision\. Received mirror\. Leave it out"):
        Recipe.for_images(1000, mirror=True)


def test_an_unknown_precision_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RunError, match=r"known by its name\. Received precision='int8'\. Known: float32, bfloat16"):
        Recipe(epochs=1, batch_size=1, precision="int8")


def test_an_unknown_loss_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RunError, match=r"known by its name\. Received loss='l2'\. Known: cross_entropy, hinge"):
        Recipe.from_json({"epochs": 1, "batch_size": 1, "loss": "l2"})


@pytest.mark.parametrize(("learning_rate", "shift"), [(0.0, 0.1), (float("nan"), 0.1), (0.02, -0.1), (0.02, 1.5)])
def test_values_outside_their_range_are_refused(learning_rate: float, shift: float) -> None:
    with pytest.raises(
        RunError,
        match=rf"above 0.*0\.\.1\. Received {learning_rate=}, {shift=}\. By default they are 0\.02 and 0\.0357",
    ):
        Recipe(epochs=1, batch_size=1, learning_rate=learning_rate, shift=shift)
