"""Persons with the bodies of Anny, dressed and seen by several cameras: `vg_reid.data.synthetic.write_persons`."""
