"""The parts of `jobs.analyse_archive`.

footage.py          the inputs           -> a list of files, each with camera and start
segments.py         files on a timeline  -> the minutes to analyse
run.py              one run over the minutes that are left to do; writes the lake
stages.py           what passes between the stages: decode_stage.py, pose_stage.py,
                    activity_stage.py
worker_settings.py  what the stages need of the settings
pipeline.py         the stages on Ray Data  -> one result a minute
ray_setup.py        Ray, started or joined, that writes no frame to a disk
progress.py         the progress of a run
summary.py          what a run did
"""
