from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from stratos_tui.errors import StratosError
from stratos_tui.prism.trace import parse_answer
from stratos_tui.store.jobs import process_alive
from stratos_tui.teachers.rehearsal.process import PORT_FILE, Rehearsal
from stratos_tui.teachers.rehearsal.server import RehearsalServer
from stratos_tui.teachers.rehearsal.settings import BAD_KINDS, RehearsalSettings

if TYPE_CHECKING:
    from anthropic.types.messages import MessageBatch

    from tests.teachers.conftest import Connect, Requests, Serve

SLOW = RehearsalSettings(latency_seconds=86_400.0)


def wait_for(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def wait_ended(client: anthropic.Anthropic, batch_id: str) -> MessageBatch:
    wait_for(lambda: client.messages.batches.retrieve(batch_id).processing_status == "ended")
    return client.messages.batches.retrieve(batch_id)


def results(client: anthropic.Anthropic, batch_id: str) -> dict[str, Any]:
    return {each.custom_id: each.result.to_dict() for each in client.messages.batches.results(batch_id)}


def create(client: anthropic.Anthropic, requests: list[dict[str, Any]]) -> MessageBatch:
    return client.messages.batches.create(requests=requests)  # type: ignore[arg-type]


def pid_of(server: Rehearsal) -> int:
    return int(json.loads((server.folder / PORT_FILE).read_text())["pid"])


def test_a_batch_is_made_ends_and_answers_every_request(
    rehearsal: Rehearsal, connect: Connect, requests_of: Requests
) -> None:
    client, requests = connect(rehearsal.base_url()), requests_of(40)
    made = create(client, requests)
    ended = wait_ended(client, made.id)
    counts = ended.request_counts
    answered = results(client, made.id)

    assert set(answered) == {request["custom_id"] for request in requests}
    assert Counter(each["type"] for each in answered.values()) == Counter(
        {name: n for name in ("succeeded", "errored", "expired") if (n := getattr(counts, name))}
    )
    assert counts.processing == 0
    assert ended.results_url is not None
    assert ended.results_url.startswith(rehearsal.base_url())
    assert list(answered) != [request["custom_id"] for request in requests], "results come in an order of their own"


def test_nothing_says_that_it_is_claude(rehearsal: Rehearsal, connect: Connect, requests_of: Requests) -> None:
    client = connect(rehearsal.base_url())
    made = create(client, requests_of(20))
    wait_ended(client, made.id)
    messages = [each["message"] for each in results(client, made.id).values() if each["type"] == "succeeded"]
    assert {message["model"] for message in messages} == {"rehearsal"}
    assert all("claude" not in json.dumps(message).lower() for message in messages)


def test_a_claude_model_is_not_rehearsed(rehearsal: Rehearsal, connect: Connect, requests_of: Requests) -> None:
    client = connect(rehearsal.base_url())
    [request] = requests_of(1)
    request["params"]["model"] = "claude-opus-5-5"
    made = create(client, [request])
    wait_ended(client, made.id)
    [result] = results(client, made.id).values()
    assert result["type"] == "errored"
    assert "rehearses" in result["error"]["error"]["message"]


def test_counts_stay_under_processing_until_a_batch_has_ended(
    serve: Serve, connect: Connect, requests_of: Requests
) -> None:
    with serve(settings=SLOW) as server:
        client = connect(server.base_url)
        made = create(client, requests_of(5))
        counts = client.messages.batches.retrieve(made.id).request_counts
        assert counts.to_dict() == {"processing": 5, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        assert client.messages.batches.retrieve(made.id).results_url is None
        with pytest.raises(anthropic.AnthropicError, match="No `results_url`"):
            client.messages.batches.results(made.id)


def test_a_canceled_batch_ends_with_what_it_had_answered(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    with serve(settings=SLOW) as server:
        client = connect(server.base_url)
        made = create(client, requests_of(5))
        stopped = client.messages.batches.cancel(made.id)
        assert stopped.processing_status == "ended"
        assert stopped.cancel_initiated_at is not None
        assert stopped.request_counts.canceled == 5
        assert {each["type"] for each in results(client, made.id).values()} == {"canceled"}
        assert client.messages.batches.cancel(made.id).request_counts.canceled == 5


def test_batches_are_listed_newest_first_by_page(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    with serve() as server:
        client, requests = connect(server.base_url), requests_of(1)
        made = [create(client, requests).id for _ in range(5)][::-1]
        assert [batch.id for batch in client.messages.batches.list(limit=2)] == made
        assert [batch.id for batch in client.messages.batches.list(after_id=made[2])] == made[3:]
        assert [batch.id for batch in client.messages.batches.list(before_id=made[2], limit=1)] == [made[1], made[0]]


def test_one_live_message_and_its_tokens(rehearsal: Rehearsal, connect: Connect, requests_of: Requests) -> None:
    client = connect(rehearsal.base_url())
    params = requests_of(1)[0]["params"]
    message = client.messages.create(**params)
    [block] = message.content
    assert block.type == "text"
    assert not hasattr(parse_answer(block.text), "code")
    counted = client.messages.count_tokens(
        model="rehearsal", system=params["system"], messages=params["messages"]
    ).input_tokens
    usage = message.usage
    assert counted == usage.input_tokens + (usage.cache_read_input_tokens or 0) + (
        usage.cache_creation_input_tokens or 0
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "<think>"}]}, "prefill"),
        ({"messages": [{"role": "user", "content": "Score this."}]}, "no rendered pair"),
        ({"stream": True}, "stream"),
    ],
)
def test_what_a_current_model_refuses_is_refused(
    serve: Serve, connect: Connect, requests_of: Requests, change: dict[str, Any], words: str
) -> None:
    with serve() as server:
        params = requests_of(1)[0]["params"] | change
        with pytest.raises(anthropic.BadRequestError, match=words):
            connect(server.base_url).post("/v1/messages", body=params, cast_to=object)


def test_parameters_are_checked_only_when_a_batch_runs(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    with serve() as server:
        client, requests = connect(server.base_url), requests_of(2)
        requests[0]["params"]["top_p"] = 0.9
        made = create(client, requests)
        wait_ended(client, made.id)
        result = results(client, made.id)[requests[0]["custom_id"]]
        assert result["error"]["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("ids", [["a", "a"], ["a b"], ["x" * 65], [""], [7], []])
def test_ids_that_the_api_refuses_are_refused(serve: Serve, connect: Connect, ids: list[Any]) -> None:
    with serve() as server:
        client = connect(server.base_url)
        with pytest.raises(anthropic.BadRequestError, match="requests"):
            create(client, [{"custom_id": each, "params": {}} for each in ids])
        assert list(client.messages.batches.list()) == []


@pytest.mark.parametrize("batch_id", ["msgbatch_rehearsal_" + "0" * 32, "..", "../server", "%2e%2e"])
def test_an_unknown_batch_is_not_found(serve: Serve, connect: Connect, batch_id: str) -> None:
    with serve() as server, pytest.raises(anthropic.NotFoundError):
        connect(server.base_url).get(f"/v1/messages/batches/{batch_id}", cast_to=object)


def test_the_same_questions_get_the_same_answers_in_any_batch(
    serve: Serve, connect: Connect, requests_of: Requests
) -> None:
    with serve(settings=RehearsalSettings(bad_share=0.5, latency_seconds=0, seconds_per_request=0)) as server:
        client, first = connect(server.base_url), requests_of(30)
        second = [each | {"custom_id": "ba9876543210" + each["custom_id"][12:]} for each in reversed(first)]
        answered = [results(client, create(client, requests).id) for requests in (first, second)]
    by_question = [{sent[13:]: result for sent, result in each.items()} for each in answered]
    assert by_question[0] == by_question[1]


def test_another_attempt_is_answered_anew(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    settings = RehearsalSettings(bad_share=0.5, latency_seconds=0, seconds_per_request=0)
    with serve(settings=settings) as server:
        client, first = connect(server.base_url), requests_of(40)
        # what decides is the hash of pair and attempt behind the token
        second = [each | {"custom_id": each["custom_id"][:13] + each["custom_id"][13:][::-1]} for each in first]
        bad = [
            [result for result in results(client, create(client, requests).id).values() if not _good(result)]
            for requests in (first, second)
        ]
    assert 0 < len(bad[0]) < 40
    assert 0 < len(bad[1]) < 40
    assert bad[0] != bad[1]


@pytest.mark.parametrize("kind", BAD_KINDS)
def test_every_kind_of_bad_answer_can_be_had(serve: Serve, connect: Connect, requests_of: Requests, kind: str) -> None:
    settings = RehearsalSettings(bad_share=1.0, bad_kinds=(kind,), latency_seconds=0, seconds_per_request=0)
    with serve(settings=settings) as server:
        client = connect(server.base_url)
        answered = results(client, create(client, requests_of(5)).id).values()
    assert len(answered) == 5
    assert not any(_good(result) for result in answered)


def test_the_share_of_bad_answers_is_about_what_was_set(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    with serve(settings=RehearsalSettings(latency_seconds=0, seconds_per_request=0)) as server:
        client = connect(server.base_url)
        answered = results(client, create(client, requests_of(500)).id).values()
    assert 15 <= sum(not _good(result) for result in answered) <= 45


def _good(result: dict[str, Any]) -> bool:
    if result["type"] != "succeeded" or result["message"]["stop_reason"] != "end_turn":
        return False
    [block] = result["message"]["content"]
    answer = parse_answer(block["text"])
    return not hasattr(answer, "code") and answer.tenths != 50 and 15 <= len(answer.trace.split()) <= 240


@pytest.mark.parametrize(
    "bad",
    [{"bad_share": 1.5}, {"bad_share": -0.1}, {"bad_kinds": ("rude",)}, {"bad_kinds": ()}, {"latency_seconds": -1}],
)
def test_settings_that_make_no_sense_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(StratosError, match="rehearsal"):
        RehearsalSettings(**bad)


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"Authorization": "Bearer any"}, 400)])
def test_a_key_and_a_version_are_needed(serve: Serve, headers: dict[str, str], status: int) -> None:
    with serve() as server:
        asked = urllib.request.Request(f"{server.base_url}/v1/messages/batches", headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=10)
        assert refused.value.code == status
        refused.value.close()


def test_it_listens_on_the_loopback_only(serve: Serve) -> None:
    with serve() as server:
        assert server.server_address[0] == "127.0.0.1"


def test_a_killed_server_comes_back_with_its_batches_elsewhere(
    rehearsal: Rehearsal, connect: Connect, requests_of: Requests
) -> None:
    first = rehearsal.base_url()
    requests = requests_of(10)
    made = create(connect(first), requests)
    os.kill(pid_of(rehearsal), signal.SIGKILL)
    rehearsal.revive()
    client = connect(rehearsal.base_url())
    assert rehearsal.base_url() != first
    assert [batch.id for batch in client.messages.batches.list()] == [made.id]
    wait_ended(client, made.id)
    assert len(results(client, made.id)) == 10


def test_a_server_that_runs_already_is_found(rehearsal: Rehearsal) -> None:
    address = rehearsal.base_url()
    with Rehearsal(rehearsal.folder, rehearsal.settings) as other:
        assert other.base_url() == address
    assert process_alive(pid_of(rehearsal)), "who did not start it does not stop it"


def test_a_server_of_other_settings_is_not_taken_for_ours(rehearsal: Rehearsal) -> None:
    address = rehearsal.base_url()
    with Rehearsal(rehearsal.folder, replace(rehearsal.settings, bad_share=0.5)) as other:
        assert other.base_url() != address


def test_an_address_that_somebody_else_answers_at_is_not_taken_for_ours(rehearsal: Rehearsal, serve: Serve) -> None:
    with serve() as stranger:
        rehearsal.folder.mkdir(parents=True)
        (rehearsal.folder / PORT_FILE).write_text(json.dumps({"base_url": stranger.base_url}))
        assert rehearsal.base_url() != stranger.base_url


def test_closing_ends_the_server(rehearsal: Rehearsal) -> None:
    rehearsal.base_url()
    pid = pid_of(rehearsal)
    rehearsal.close()
    assert not process_alive(pid)


def test_an_orphaned_server_ends_itself(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from stratos_tui.teachers.rehearsal.process import Rehearsal\n"
        "from stratos_tui.teachers.rehearsal.settings import RehearsalSettings\n"
        "print(Rehearsal(Path(sys.argv[1]), RehearsalSettings()).base_url(), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline().startswith(b"http://127.0.0.1:")
    pid = int(json.loads((tmp_path / PORT_FILE).read_text())["pid"])
    assert process_alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not process_alive(pid))


def test_a_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", str(tmp_path / "nowhere"))
    with Rehearsal(tmp_path, RehearsalSettings()) as server, pytest.raises(StratosError, match=r"does not start.*log"):
        server.base_url()


def test_many_at_once_lose_nothing(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    def add(server: RehearsalServer) -> None:
        create(connect(server.base_url), requests)

    requests = requests_of(3)
    with serve() as server:
        threads = [threading.Thread(target=add, args=(server,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(list(connect(server.base_url).messages.batches.list())) == 8
