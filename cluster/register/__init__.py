"""Registers: taking attendance by hand, by badge and by faces.

    service.py         RegisterService: open, mark, propose, confirm, undo, close
    access.py          who may take a register
    states.py          what an entry may become (R7)
    entries.py         writing entries, with their history
    queries.py         loading registers and summaries
    types.py           data types
    undo.py            what an undo restores
    joining.py         students who join a class while its register is open
    periods.py         the class period of a lesson
    badges.py          QR badges
    open_registers.py  the registers that cameras may serve now
    export.py          CSV and Ed-Fi
    erasure.py         erasing a student
    faces/             consent, templates and face recognition (R4, R5, R6)

Import contracts keep the package apart from `cluster.activity`, `cluster.checkins` and the archive
job (R2, R6).
"""
