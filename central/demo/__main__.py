"""`python -m central.demo`: the demo alone."""

import argparse
import sys

from central.demo.command import add_arguments, run

parser = argparse.ArgumentParser(
    prog="xinguan demo", description="一条命令看全流程演示 · the whole story on this machine"
)
add_arguments(parser)
sys.exit(run(parser.parse_args()))
