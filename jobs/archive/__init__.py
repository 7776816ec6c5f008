"""The parts of `jobs.analyse_archive`.

footage.py   what was given        -> a list of files, each with camera and start
segments.py  files on a timeline   -> the minutes to analyse
stages.py    the Ray Data stages   -> one result a minute
progress.py  how far it is
"""
