"""Webhooks that were sent."""

from __future__ import annotations

from fastapi.testclient import TestClient


def test_looking_and_sending_again(client: TestClient, bot_id: str, done: str) -> None:
    assert client.get(f"/api/v1/bots/{bot_id}/deliveries").json() == {"bot_id": bot_id, "deliveries": []}
    (one,) = client.get(f"/api/v1/bots/{done}/deliveries").json()["deliveries"]
    assert (one["id"], one["event"], one["status"], one["attempts"]) == (7, "bot.done", "delivered", 2)
    assert one["body"] == {"event": "bot.done", "bot_id": done}
    again = client.post(f"/api/v1/bots/{done}/deliveries/7/redeliver")
    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (200, "pending", 0)
    assert client.post(f"/api/v1/bots/{done}/deliveries/8/redeliver").status_code == 404
    assert client.post(f"/api/v1/bots/{bot_id}/deliveries/7/redeliver").status_code == 404
    for bad in ("x", "0", str(2**63)):
        assert client.post(f"/api/v1/bots/{done}/deliveries/{bad}/redeliver").status_code == 400
