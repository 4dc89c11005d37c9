#!/bin/sh
# Searches digits on Slurm, eight jobs at a time: start it on a login node, in a folder that the nodes share.
genius search digits --proposer guided --iterations 20 --workers 8 \
    --on slurm --slurm partition=main,time=00:30:00 "$@"
