"""Spectral norm, which `vg_layers` has."""

from vg_layers.spectral import spectral_norm as spectral_norm
