# Prints where temporary folders of tests lie: in memory where there is room for them, else where they always do.
# Nothing that these tests prove needs a real disk; what does (make ill, make town, make e2e) does not ask here.
room=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
if [ "${room:-0}" -ge 6000000 ] && [ -w /dev/shm ] && ! grep -q ' /dev/shm .*noexec' /proc/mounts; then
    echo /dev/shm
else
    echo "${TMPDIR:-/tmp}"
fi
