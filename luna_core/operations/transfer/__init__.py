"""Trees between the controller and running nodes: `grab` makes an osimage of a node, `push` sends one out."""
