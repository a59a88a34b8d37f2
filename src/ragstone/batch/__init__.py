"""Many questions: asked side by side, answered in order, and gone on with after whatever stopped them."""
