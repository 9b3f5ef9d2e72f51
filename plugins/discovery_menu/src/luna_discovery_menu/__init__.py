"""Machines named at their boot menu."""
