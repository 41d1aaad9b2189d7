#!/bin/bash
# A PostgreSQL server from nothing: MLflow's runs and Optuna's trials in it, near by and 50 ms away, an MLflow server
# on it whose files other machines see, and what is said when it fails.
#
#     apt-get install postgresql; pip install 'psycopg[binary]'
#     bash tests/scale/postgres.sh [python]      (default .venv/bin/python; as root it becomes the user postgres)
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
python=$(realpath -s "${1:-$project/.venv/bin/python}")
bin=$(dirname "$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb | tail -1)")
work=$(mktemp -d)
chmod 755 "$work"
cd "$work"
port=35432
if [ "$(id -u)" = 0 ]; then
    mkdir data && chown postgres data
    as() { su postgres -s /bin/bash -c "cd / && $*"; }
else
    as() { bash -c "$*"; }
fi
server() { as "$bin/pg_ctl" -D "$work/data" -l "$work/data/log" -o "'-p $port -c unix_socket_directories=/tmp'" "$@" > /dev/null; }
end() {
    server -m immediate stop 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT

printf 'right\n' > password && chmod 644 password
as "$bin/initdb" -D "$work/data" -U cascade --auth-host=scram-sha-256 --pwfile="$work/password" > /dev/null
server -w start
export PGPASSWORD=right PYTHONPATH=$project
psql -q -h 127.0.0.1 -p $port -U cascade postgres -c 'create database mlflow' -c 'create database optuna'
(cd "$project" && "$python" -m tests.toy "$work/store/toy")
study=("hydra.searchpath=[$project/tests/conf]" experiment=toy report.page=false)
at=postgresql+psycopg://cascade@127.0.0.1:$port

# One line, status 1, no traceback, within a minute.
fails() {
    local says=$1 started=$SECONDS status=0
    shift
    "$@" > out.log 2> err.log || status=$?
    echo "-- after $((SECONDS - started)) s, status $status: $(tail -1 err.log)"
    [ "$status" = 1 ] && [ $((SECONDS - started)) -le 60 ] && [ "$(wc -l < err.log)" = 1 ] && grep -q "$says" err.log
}

echo "== a study with every combination as a run, and again"
"$python" "$project/run.py" "${study[@]}" tracking.uri=$at/mlflow hydra.run.dir=out > out.log
tail -1 out.log
runs() { psql -h 127.0.0.1 -p $port -U cascade -tA mlflow -c "$1"; }
echo "runs: $(runs 'select count(*) from runs'), running: $(runs "select count(*) from runs where status = 'RUNNING'")"
[ "$(runs "select count(*) from runs where status = 'RUNNING'")" = 0 ]
[ "$(runs 'select count(*) from runs')" -gt 9009 ]

echo "== the same with the database 50 ms away"
"$python" "$project/tests/scale/far_away.py" 35433 $port 50 &
proxy=$!
far=postgresql+psycopg://cascade@127.0.0.1:35433
timed() { local started=$SECONDS; "$@" > out.log; seconds=$((SECONDS - started)); }
timed "$python" "$project/run.py" "${study[@]}" tracking.uri=$at/mlflow seed=5
near=$seconds
timed "$python" "$project/run.py" "${study[@]}" tracking.uri=$far/mlflow seed=6
kill $proxy
echo "a study with its 9,009 combinations: $near s near by, $seconds s from 50 ms away"

echo "== an MLflow server whose files other machines see, on this database"
"$python" -m mlflow server --backend-store-uri $at/mlflow --artifacts-destination "$work/artifacts" --workers 1 \
    --host 127.0.0.1 --port 35434 > server.log 2>&1 &
mlflow=$!
until curl -sf http://127.0.0.1:35434/health > health; do sleep 0.5; done
"$python" "$project/run.py" "${study[@]}" tracking=server tracking.uri=http://127.0.0.1:35434 seed=7 \
    dataset.name=elsewhere '+hardware.throughput.elsewhere=${hardware.throughput.toy}' hydra.run.dir=served > out.log
tail -1 out.log
# Whoever asks the server has the file, and nothing of it lies where the study ran.
"$python" - http://127.0.0.1:35434 served/plans.json <<'EOF'
import sys
from pathlib import Path
from mlflow.tracking import MlflowClient
client = MlflowClient(sys.argv[1])
[home] = [e for e in client.search_experiments() if e.name == "toy on elsewhere"]
assert home.artifact_location.startswith("mlflow-artifacts:"), home.artifact_location
[study] = client.search_runs([home.experiment_id], "tags.`cascade.kind` = 'study'")
fetched = client.download_artifacts(study.info.run_id, "plans.json", ".")
assert Path(fetched).read_bytes() == Path(sys.argv[2]).read_bytes()
EOF
[ -n "$(find artifacts -name plans.json)" ]
kill $mlflow
wait $mlflow 2> kill.log || true

echo "== two processes search one Optuna study"
search=("${study[@]}" tracking.combinations=table tracking.uri=$at/mlflow search=optuna search.storage=$at/optuna search.trials=60)
"$python" "$project/run.py" "${search[@]}" hydra.run.dir=one > one.log &
"$python" "$project/run.py" "${search[@]}" hydra.run.dir=two > two.log
wait %1
trials() { psql -h 127.0.0.1 -p $port -U cascade -tA optuna -c "select count(*) from trials ${1:-}"; }
echo "trials: $(trials)"
[ "$(trials)" -ge 60 ] && [ "$(trials)" -le 62 ]

echo "== a search that is killed in the middle of a trial, and the next one"
"$python" "$project/run.py" "${search[@]}" search.trials=10000 hydra.run.dir=three > three.log 2>&1 &
killed=$!
until [ "$(trials)" -gt 70 ]; do sleep 0.1; done
# Stopped, it can be seen to be in one.
while kill -STOP $killed && sleep 0.2 && [ "$(trials "where state = 'RUNNING'")" = 0 ]; do kill -CONT $killed; sleep 0.05; done
kill -KILL $killed
wait $killed || true
"$python" "$project/run.py" "${search[@]}" hydra.run.dir=four > four.log
grep 'whose process is gone' four.log
echo "trials: $(trials), running: $(trials "where state = 'RUNNING'"), failed: $(trials "where state = 'FAIL'")"
[ "$(trials "where state = 'RUNNING'")" = 0 ] && [ "$(trials "where state = 'FAIL'")" = 1 ]

echo "== wrong password, closed port, no driver"
fails 'password authentication failed' env PGPASSWORD=wrong "$python" "$project/run.py" "${study[@]}" tracking.uri=$at/mlflow
fails 'refused' "$python" "$project/run.py" "${study[@]}" tracking.uri=postgresql+psycopg://cascade@127.0.0.1:1/mlflow
fails 'pg8000' "$python" "$project/run.py" "${study[@]}" tracking.uri=postgresql+pg8000://cascade@127.0.0.1:$port/mlflow

echo "== the server goes away in the middle"
(
    until [ "$(runs "select count(*) from runs where status = 'RUNNING'")" != 0 ]; do sleep 0.2; done
    server -m immediate stop
) &
fails 'everything that was generated and executed is in' "$python" "$project/run.py" "${study[@]}" tracking.uri=$at/mlflow seed=1
wait
server -w start

echo "== the next study closes the run that was left running"
"$python" "$project/run.py" "${study[@]}" tracking.uri=$at/mlflow seed=2 > out.log
grep 'closed as KILLED' out.log
[ "$(runs "select count(*) from runs where status = 'RUNNING'")" = 0 ]
echo "postgres: as it should be"
