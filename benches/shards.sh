#!/usr/bin/env bash
# Peak resident memory of `multifuse train --memory-limit` on 1 GB of WAV and PNG in tar archives.
#
#   benches/shards.sh [MEGABYTES] [LIMIT] [EPOCHS] [FOLDER]
#
# MEGABYTES of archives are drawn by python3 (standard library; about a minute for 1000) unless FOLDER has them: a
# picture of noise with a bright bar and a sound of noise with a tone, both at the place of one of ten classes. LIMIT is
# what `--memory-limit` is given, EPOCHS those of the network; without a time limit every expert of the recipe runs.
# Linux only: the peak is VmHWM of /proc. Exits with 1 if it is above LIMIT, which must be in MiB or GiB.
set -euo pipefail

megabytes=${1:-1000}
limit=${2:-1GiB}
epochs=${3:-1}
folder=${4:-target/shards}
multifuse=${MULTIFUSE:-target/release/multifuse}
set=$folder/$megabytes

draw() {
  python3 - "$1" "$2" <<'PYTHON'
import io, math, os, random, struct, sys, tarfile, wave, zlib

folder, megabytes = sys.argv[1], int(sys.argv[2])
SIDE, RATE, SAMPLES, A_SHARD = 128, 16000, 24000, 1000
draw = random.Random(7)
tones = [[int(6000 * math.sin(2 * math.pi * (300 + 250 * c) * t / RATE)) for t in range(SAMPLES)] for c in range(10)]
noise = [draw.randrange(-3000, 3000) for _ in range(4 * SAMPLES)]

def png(label):
    pixels = bytearray(draw.randbytes(3 * SIDE * SIDE))
    for y in range(8 + 11 * label, 16 + 11 * label):
        at = 3 * SIDE * y
        pixels[at:at + 3 * SIDE] = bytes(200 + pixel // 5 for pixel in pixels[at:at + 3 * SIDE])
    rows = b"".join(b"\0" + pixels[3 * SIDE * y:3 * SIDE * (y + 1)] for y in range(SIDE))
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")

def wav(label):
    start = draw.randrange(3 * SAMPLES)
    samples = [a + b for a, b in zip(tones[label], noise[start:start + SAMPLES])]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1), out.setsampwidth(2), out.setframerate(RATE)
        out.writeframes(struct.pack(f"<{SAMPLES}h", *samples))
    return file.getvalue()

written = shard = record = 0
while written < megabytes * 1_000_000:
    with tarfile.open(os.path.join(folder, f"train-{shard:03}.tar"), "w", format=tarfile.USTAR_FORMAT) as out:
        for _ in range(A_SHARD):
            label = draw.randrange(10)
            for ending, data in (("png", png(label)), ("wav", wav(label)), ("cls", str(label).encode())):
                member = tarfile.TarInfo(f"{record:06}.{ending}")
                member.size = len(data)
                out.addfile(member, io.BytesIO(data))
                written += len(data)
            record += 1
    shard += 1
PYTHON
}

if [ ! -d "$set" ]; then
  mkdir -p "$set.part"
  draw "$set.part" "$megabytes"
  mv "$set.part" "$set"
fi
case $limit in
  *GiB) most=$((${limit%GiB} * 1048576)) ;;
  *MiB) most=$((${limit%MiB} * 1024)) ;;
  *) echo "LIMIT in MiB or GiB, got $limit" >&2; exit 2 ;;
esac
run=$folder/run-$megabytes
rm -rf "$run"
"$multifuse" train "$set" --target cls --epochs "$epochs" --memory-limit "$limit" --out "$run" > "$run.log" 2>&1 &
child=$!
high=0
while now=$(awk '/VmHWM/ { print $2 }' "/proc/$child/status" 2> /dev/null) && [ -n "$now" ]; do
  high=$now
  sleep 0.2
done
wait "$child"
echo "$(du -sm "$set" | cut -f1) MB of archives, limit $limit, $epochs epochs: peak $((high / 1024)) MiB"
[ "$high" -le "$most" ]
