"""The parts of `jobs.analyse_archive`.

footage.py    what was given          -> a list of files, each with camera and start
segments.py   files on a timeline     -> the minutes to analyse
stages.py     what passes between the stages: reading.py, finding.py, counting.py
pipeline.py   the stages on Ray Data  -> one result a minute
ray_setup.py  Ray, started or joined, with no way to a disk for frames
progress.py   how far it is
"""
