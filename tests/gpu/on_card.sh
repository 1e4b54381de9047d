# usage: on_card.sh COMMAND...: runs it; 77 when its complaint is that there is no card to run on.
"$@" > on_card.log 2>&1
code=$?
cat on_card.log
if [ $code -eq 2 ] && grep -q 'no usable device\|knows no device' on_card.log; then
    echo SKIPPED
    exit 77
fi
exit $code
