"""Lets `pip install` read setup.cfg, where everything is declared."""

from setuptools import setup

setup()
