"""Lessons and grids of notebooks, executed through papermill."""

from workbench.batch.lesson import LESSONS as LESSONS
from workbench.batch.lesson import Lesson as Lesson
from workbench.batch.lesson import LessonRun as LessonRun
from workbench.batch.lesson import run_lesson as run_lesson
from workbench.batch.recording import record as record
