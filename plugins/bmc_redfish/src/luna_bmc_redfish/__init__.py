"""Nodes powered through the Redfish service of their BMCs (DMTF DSP0266, DSP0268)."""
