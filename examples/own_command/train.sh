#!/bin/sh
# A made-up training: three epochs as lines of JSON, and a result as the last line. It goes on from its own file.
#
# train.sh DEPTH --rate RATE [--decay DECAY]

depth=$1 rate=$3 decay=${5:-1}
saved="$GENIUS_FOLDER/epoch"
done=$(cat "$saved" 2>/dev/null || echo 0)

error() { # of an epoch
    awk -v depth="$depth" -v rate="$rate" -v decay="$decay" -v epoch="$1" \
        'BEGIN { off = log(rate / 0.01); print (depth - 4) ^ 2 + off * off + 1 - decay / 2 + 3 / epoch }'
}

for epoch in 1 2 3; do
    [ "$epoch" -le "$done" ] && continue
    echo "{\"epoch\": $epoch, \"epochs\": 3, \"error\": $(error "$epoch")}"
    echo "$epoch" >"$saved"
done
echo "{\"error\": $(error 3), \"depth\": $depth}"
