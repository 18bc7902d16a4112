import pytest

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
