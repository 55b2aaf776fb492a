"""Genetic operators on whole populations: all of GAOT's, and those of the textbook programs.

GAOT: C. R. Houck, J. A. Joines and M. G. Kay, "A Genetic Algorithm for Function Optimization:
A Matlab Implementation", NCSU-IE TR 95-09, 1995. It names how many operations a generation
has; the textbook ("MATLAB Neural Networks: 30 cases") gives each a probability instead.

A selection takes values ``(members,)``, lower is better, and returns the indices of the parents.
A crossover takes and returns members ``(members, genes)``; a mutation also needs the bounds and
the fraction of the search that is over. What they have in common is in
`workbench.evolve.gaot_families`; this file hands all of them on by name.
"""

from workbench.evolve.gaot_crossover import arith_crossover as arith_crossover
from workbench.evolve.gaot_crossover import gene_crossover as gene_crossover
from workbench.evolve.gaot_crossover import heuristic_crossover as heuristic_crossover
from workbench.evolve.gaot_crossover import simple_crossover as simple_crossover
from workbench.evolve.gaot_edges import edge_crossover as edge_crossover
from workbench.evolve.gaot_edges import enhanced_edge_crossover as enhanced_edge_crossover
from workbench.evolve.gaot_families import CROSSOVERS as CROSSOVERS
from workbench.evolve.gaot_families import MUTATIONS as MUTATIONS
from workbench.evolve.gaot_families import SELECTIONS as SELECTIONS
from workbench.evolve.gaot_families import fitting as fitting
from workbench.evolve.gaot_families import rounded_draw as rounded_draw
from workbench.evolve.gaot_families import served_kinds as served_kinds
from workbench.evolve.gaot_mutation import binary_mutation as binary_mutation
from workbench.evolve.gaot_mutation import boundary_mutation as boundary_mutation
from workbench.evolve.gaot_mutation import gene_mutation as gene_mutation
from workbench.evolve.gaot_mutation import (
    multi_non_uniform_mutation as multi_non_uniform_mutation,
)
from workbench.evolve.gaot_mutation import non_uniform_mutation as non_uniform_mutation
from workbench.evolve.gaot_mutation import uniform_mutation as uniform_mutation
from workbench.evolve.gaot_order import cycle_crossover as cycle_crossover
from workbench.evolve.gaot_order import linear_order_crossover as linear_order_crossover
from workbench.evolve.gaot_order import order_based_crossover as order_based_crossover
from workbench.evolve.gaot_order import partially_mapped_crossover as partially_mapped_crossover
from workbench.evolve.gaot_order import single_point_crossover as single_point_crossover
from workbench.evolve.gaot_order import uniform_order_crossover as uniform_order_crossover
from workbench.evolve.gaot_order_mutation import adjacent_swap_mutation as adjacent_swap_mutation
from workbench.evolve.gaot_order_mutation import inversion_mutation as inversion_mutation
from workbench.evolve.gaot_order_mutation import shift_mutation as shift_mutation
from workbench.evolve.gaot_order_mutation import swap_mutation as swap_mutation
from workbench.evolve.gaot_order_mutation import three_swap_mutation as three_swap_mutation
from workbench.evolve.gaot_selection import norm_geom_select as norm_geom_select
from workbench.evolve.gaot_selection import roulette_select as roulette_select
from workbench.evolve.gaot_selection import tournament_select as tournament_select
