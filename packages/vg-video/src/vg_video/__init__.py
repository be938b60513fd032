"""Video generators of *Learning to Generate Human Videos*, and the data they train on."""
