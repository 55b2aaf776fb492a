from .fits import plot_regression as plot_regression
from .fits import plot_sample_errors as plot_sample_errors
from .fits import plot_surface as plot_surface
from .paired import plot_comparison as plot_comparison
from .traces import plot_ga_trace as plot_ga_trace
from .traces import plot_performance as plot_performance
