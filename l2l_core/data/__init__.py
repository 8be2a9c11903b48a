"""From images on disk to training samples.

One module a step: :mod:`~l2l_core.data.selection` narrows an image to planes, frames and channels;
:mod:`~l2l_core.data.pairs` finds inputs and their targets (:mod:`~l2l_core.data.names` by name);
:mod:`~l2l_core.data.splits` divides them into what trains and what validates;
:mod:`~l2l_core.data.foreground` finds where patches may start, and :mod:`~l2l_core.data.patches`
cuts them, lazily and reproducibly; :mod:`~l2l_core.data.training_set` does all of it for a
configuration.  Positions are counted along T, Z, Y and X throughout; channels stay together.
"""
