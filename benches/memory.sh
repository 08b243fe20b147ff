#!/usr/bin/env bash
# Peak resident memory of `multifuse train` on 20,000 and on 200,000 records of the same generated kind.
#
#   benches/memory.sh [KIND] [SECONDS] [FOLDER] [OPTION...]
#
# KIND is `posts` (text and pictures; drawing 280,000 of them takes some minutes and 1.2 GB of disk) or `table`
# (text, numbers and a category). SECONDS is the time limit of each training, FOLDER where sets and runs go; sets
# that are there are taken as they are. OPTIONs go to `multifuse train`: `--experts joint --epochs 1` has both sizes train
# the same network. Linux only: the peak is VmHWM of /proc. Exits with 1 if the larger set takes
# more than 1.1 times the memory of the smaller.
set -euo pipefail

kind=${1:-posts}
seconds=${2:-60}
folder=${3:-target/memory}
options=("${@:4}")
multifuse=${MULTIFUSE:-target/release/multifuse}

# CSV of $1 records: 8 to 15 words, two numbers, a category of 40, and one of four labels that follows from them.
draw_table() {
  awk -v records="$1" 'BEGIN {
    srand(7)
    print "text,amount,count,place,label"
    for (record = 0; record < records; record++) {
      label = int(rand() * 4)
      words = 8 + int(rand() * 8)
      text = ""
      for (word = 0; word < words; word++) {
        number = rand() < 0.1 ? 4 * int(rand() * 25) + label : int(rand() * 20000)
        text = text (word ? " " : "") "w" number
      }
      amount = 10 + 5 * label + 40 * rand()
      printf "%s,%.3f,%d,place %d,l%d\n", text, amount, rand() * 1000, (label * 7 + rand() * 30) % 40, label
    }
  }'
}

draw() {
  local set=$folder/$kind-$1
  if [ "$kind" = posts ]; then
    [ -f "$set/truth.json" ] || "$multifuse" sample posts "$set" --records "$1" --quiet
  elif [ ! -f "$set/train.csv" ]; then
    mkdir -p "$set"
    draw_table "$1" > "$set/drawing.csv"
    mv "$set/drawing.csv" "$set/train.csv"
  fi
}

# Trains on $1 records and prints the peak in KiB.
peak() {
  local run=$folder/run-$kind-$1 high=0 now
  rm -rf "$run"
  "$multifuse" train "$folder/$kind-$1/train.csv" --target label --time-limit "$seconds" --out "$run" \
    "${options[@]}" \
    > "$run.log" 2>&1 &
  local child=$!
  while now=$(awk '/VmHWM/ { print $2 }' "/proc/$child/status" 2> /dev/null) && [ -n "$now" ]; do
    high=$now
    sleep 0.2
  done
  # A training that failed took little memory and shows nothing.
  wait "$child" || { cat "$run.log" >&2; return 1; }
  echo "$high"
}

mkdir -p "$folder"
for records in 20000 200000; do draw "$records"; done
small=$(peak 20000)
large=$(peak 200000)
echo "$kind, time limit $seconds s: $((small / 1024)) MiB for 20,000 records, $((large / 1024)) MiB for 200,000," \
  "$((large * 1000 / small)) thousandths"
[ $((large * 10)) -le $((small * 11)) ]
