"""The printed table."""

import numpy as np

from autonet import Input, Model, Sequential, layers, ops


def table(model, **options):
    lines = []
    model.summary(print_fn=lines.append, **options)
    return "\n".join(lines)


def cells(text):
    """The rows of the table, spaces made one."""
    body = text.split("─\n")[2].splitlines()[:-1]
    return [" ".join(line.split()) for line in body]


def test_a_stack():
    model = Sequential([Input((4,)), layers.Dense(3, name="one"), layers.Dropout(0.5, name="two")], name="s")
    text = table(model)
    assert text.splitlines()[0] == 'Model: "s"'
    assert cells(text) == ["one (Dense) (None, 3) 15", "two (Dropout) (None, 3) 0"]
    assert "Total params: 15 (60.00 B)" in text and "Connected to" not in text


def test_one_line_of_layers_by_inputs_and_outputs():
    a = Input((4,), name="a")
    text = table(Model(a, layers.Dense(3, name="one")(a)))
    assert cells(text) == ["a (InputLayer) (None, 4) 0", "one (Dense) (None, 3) 15"]
    assert "Connected to" not in text


def branched():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = layers.Dense(3, name="shared")
    total = layers.Add(name="sum")([shared(a), shared(b)])
    return Model([a, b], [total, ops.mean(shared(a), axis=-1)], name="m")


def test_connections():
    """As keras 3.15 names them: layer[call][output]."""
    text = table(branched())
    rows = cells(text)
    assert "Connected to" in text
    assert rows[:5] == [
        "a (InputLayer) (None, 4) 0 -",
        "b (InputLayer) (None, 4) 0 -",
        "shared (Dense) (None, 3) 15 a[0][0]",
        "b[0][0]",
        "a[0][0]",
    ]
    assert "sum (Add) (None, 3) 0 shared[0][0]" in rows
    assert any(row.startswith("mean") and row.endswith("(mean) (None,) 0 shared[2][0]") for row in rows)


def test_models_inside():
    inner = Sequential([Input((4,)), layers.Dense(3, name="s1"), layers.Dense(2, name="s2")], name="s")
    a = Input((4,), name="a")
    model = Model(a, layers.Dense(2, name="top")(inner(a)), name="n")
    assert cells(table(model))[1] == "s (Sequential) (None, 2) 23"
    inner.trainable = False
    assert cells(table(model, expand_nested=True, show_trainable=True)) == [
        "a (InputLayer) (None, 4) 0 -",
        "s (Sequential) (None, 2) 23 N",
        "s1 (Dense) (None, 3) 15 N",
        "s2 (Dense) (None, 2) 8 N",
        "top (Dense) (None, 2) 6 Y",
    ]
    assert " Trainable params: 6 (24.00 B)" in table(model)
    assert " Non-trainable params: 23 (92.00 B)" in table(model)


def test_several_outputs_of_a_layer():
    a = Input((5, 2), name="a")
    states = layers.LSTM(3, return_state=True, name="lstm")(a)
    text = table(Model(a, layers.Concatenate(name="join")(states)))
    assert any(row.startswith("lstm (LSTM) ((None, 3), (None, 3), (None, 3)) 72 a[0][0]") for row in cells(text))
    assert [row for row in cells(text) if row.startswith("lstm[")] == ["lstm[0][1]", "lstm[0][2]"]


def test_before_it_is_built():
    text = table(Sequential([layers.Dense(2, name="d"), layers.Dropout(0.5, name="drop")]))
    assert cells(text) == ["d (Dense) ? 0 (unbuilt)", "drop (Dropout) ? 0"]
    assert "Total params: 0 (0.00 B)" in text


def test_a_subclass():
    class Net(Model):
        def __init__(self):
            super().__init__(name="net")
            self.first = layers.Dense(3, name="first")
            self.rest = Sequential([layers.Dense(2, name="mid"), layers.Dense(1, name="end")], name="rest")

        def call(self, x):
            return self.rest(self.first(x))

    net = Net()
    assert cells(table(net)) == ["first (Dense) ? 0 (unbuilt)", "rest (Sequential) ? 0 (unbuilt)"]
    net(np.zeros((12, 4), "float32"))
    assert cells(table(net, expand_nested=True)) == [
        "first (Dense) (None, 3) 15",
        "rest (Sequential) (None, 1) 11",
        "mid (Dense) (None, 2) 8",
        "end (Dense) (None, 1) 3",
    ]


def test_the_optimizer_counts():
    """As in keras 3.15: two moments for each weight, the number of steps, and the rate."""
    model = Sequential([Input((4,)), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.zeros((4, 4)), np.zeros((4, 2)), verbose=0)
    text = table(model)
    assert " Optimizer params: 22 (" in text and " Total params: 32 (" in text and " Trainable params: 10 (" in text


def test_a_part_of_the_table():
    rows = cells(table(branched(), layer_range=("b", "shared")))
    assert [row.split()[0] for row in rows] == ["b", "shared", "b[0][0]", "a[0][0]"]
    assert cells(table(branched(), layer_range=("shared", "nothing")))[0].startswith("shared")


def test_width_and_printing(capsys):
    model = branched()
    lines = table(model, line_length=100).splitlines()
    assert len(lines[1]) == 100
    model.summary()
    assert capsys.readouterr().out == table(model) + "\n"


def test_it_fits_eighty_columns():
    a = Input((5, 2), name="a")
    states = layers.LSTM(3, return_state=True, name="a_layer_with_a_name_that_says_all_that_there_is_to_say_about_it")(
        a
    )
    model = Model(a, layers.Concatenate(name="join")(states))
    for options in ({}, {"show_trainable": True}, {"expand_nested": True}, {"line_length": 60}):
        lines = table(model, **options).splitlines()
        assert max(map(len, lines)) <= options.get("line_length", 80)
        for word in ("(LSTM)", "join", "(None, 9)", "(None, 5, 2)"):
            assert word in "".join(lines)
    wide = table(model, line_length=200)
    assert any("say_about_it (LSTM)" in line for line in wide.splitlines())
