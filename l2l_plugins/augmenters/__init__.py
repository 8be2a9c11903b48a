"""Built-in augmenters: changes of geometry in one module, changes of intensity in another."""
