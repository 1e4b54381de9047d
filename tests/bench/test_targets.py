#!/usr/bin/env python3
"""targets.py between programs that only print: what it makes of numbers, failures and unchecked runs."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = """#!/bin/sh
echo "phase,threads,batch,ms_median,images_per_s,peak_mib,verified_images"
echo "train,2,128,10,{train},{mib},{verified}"
echo "infer,2,128,5,{infer},10,{verified}"
exit {code}
"""
THEIRS = """#!/bin/sh
speed=100
case "$*" in *--channels-last*) [ -n "$MALLOC_MMAP_MAX_" ] && speed=200 ;; esac
echo "phase,threads,batch,ms_median,images_per_s,peak_mib"
echo "infer,2,128,5,$speed,60"
echo "train,2,128,10,$speed,100"
"""


def script(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


def table(train=600, infer=300, mib=40, verified=4, code=0):
    """(exit status, {job: cells}) of a measurement of resnet-20 with these results of ours."""
    with tempfile.TemporaryDirectory() as folder:
        ours = script(folder, "harness", OURS.format(train=train, infer=infer, mib=mib,
                                                     verified=verified, code=code))
        theirs = script(folder, "python", THEIRS)
        done = subprocess.run([sys.executable, os.path.join(HERE, "targets.py"), "--rows",
                               "resnet-20", "--rounds", "2", "--harness", ours, "--python", theirs],
                              capture_output=True, text=True, check=False)
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()]
    return done.returncode, cells[2:]


def main():
    code, rows = table()
    assert code == 0 and len(rows) == 6, (code, rows)
    train_best, train_default, train_peak, infer_best = rows[:4]
    assert train_best[1:] == ["600.0", train_best[2], "3.00 (2 rounds)", ">= 2.5: met"], rows
    assert train_best[2].startswith("200.0 (best: ") and "channels_last, all" in train_best[2], rows
    assert train_default[3:] == ["6.00 (2 rounds)", ">= 3: met"], rows
    assert train_peak[3:] == ["0.40", "<= 0.5: met"], rows
    assert infer_best[3:] == ["1.50 (2 rounds)", ">= 2: NOT MET"], rows
    assert table(train=499)[1][0][4] == ">= 2.5: NOT MET"
    assert table(mib=51)[1][2][4] == "<= 0.5: NOT MET"
    for bad in ({"code": 1}, {"verified": 0}, {"train": "nan"}):
        code, rows = table(**bad)
        assert code == 1 and rows == [["resnet-20", "failed", "", "", "NOT MEASURED"]], (bad, rows)
    print("targets.py: numbers, verdicts, failures")


if __name__ == "__main__":
    main()
