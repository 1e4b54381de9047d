# usage: no_device.sh HARNESS: without a device an explicit gpu is refused with the driver's reason, and
# auto takes the CPU and says so.
export SOFTGPU_FAIL=device:1
message=$("$1" check --backend gpu --quick --case relu 2>&1)
code=$?
echo "gpu: exit $code: $message"
[ $code -eq 2 ] || exit 1
echo "$message" | grep -q 'backend gpu: no usable device: .*(cudaError' || exit 1
message=$("$1" check --backend auto --quick --case relu 2>&1)
code=$?
echo "auto: exit $code: $message"
[ $code -eq 0 ] || exit 1
echo "$message" | grep -q 'no usable device: .*; computing on cpu' || exit 1
echo "$message" | grep -q '^backend cpu'
