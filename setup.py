"""The packages of the wheel: `cascade`, and `conf/` as a folder inside it."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["cascade*"]), "cascade.conf"], package_dir={"cascade.conf": "conf"})
