"""Floor 6: training. To read in this order:

    data, batches     what users pass, as arrays; sources of batches (x, y, sample_weight)
    arguments         what compile() received: the losses and metrics of each output
    step              one batch: forward, loss, backward, update
    function          the step as a compiled function of a batch of arrays
    loop              fit, evaluate and predict: epochs, batches, validation
    position          an extension of the loop: backups, going on from one, Ctrl-C; `identity` tells trainings apart
    stepping          a model with one batch: `compile`, the loss, the metrics, the steps; a subclass may replace each
    trainer           a model with all batches: `fit`, `lr_find`, `evaluate`, `predict`

Beside these: `overriding` (which methods were replaced), `interrupt` (Ctrl-C between steps), `busy` (one thread at a
time), `nonfinite` and `journal` (where the first NaN came from), `distributed` and `shares` (the step of several ranks).
"""
