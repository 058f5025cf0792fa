"""What a line of readiness says, and the lines of what stands beside a lane. The whole table is `edge.watch.causes`."""
