#!/usr/bin/env python3
"""How a spool carries the outboxes of other programs."""
import json

from spool_case import SpoolCase, add_row, eventually, main, rows_of


class Outbox(SpoolCase):
    def test_outbox(self):
        box, app = self.outbox()
        app.execute("CREATE TABLE work(number INTEGER)")
        self.start_handler()
        spool = self.start_spool(f"outboxes: [{box}]\noutbox_poll: 10ms\n")

        def work(number, end):
            app.execute("BEGIN IMMEDIATE")
            app.execute("INSERT INTO work VALUES(?)", (number,))
            add_row(app, number)
            app.execute(end)
        for number in range(1, 41):
            work(number, "ROLLBACK" if number % 4 == 0 else "COMMIT")
            if number % 10 == 0:
                spool.end()
                spool = self.start_spool(f"outboxes: [{box}]\noutbox_poll: 10ms\n")
        done = [n for n, in app.execute("SELECT number FROM work")]
        self.assertTrue(eventually(
            lambda: [n for n, in self.rows("SELECT number FROM effects ORDER BY at")] == done))
        self.assertTrue(eventually(lambda: rows_of(app) == 0))

    def test_outbox_rows_that_can_never_be_carried(self):
        """They become dead letters, and those behind them are carried."""
        box, app = self.outbox("PRAGMA encoding='UTF-16'")
        self.start_handler()
        self.start_spool(f"outboxes: [{box}]\noutbox_poll: 10ms\n"
                         "delivery: {dead_blocks_key: true}\n")
        app.execute("BEGIN IMMEDIATE")
        app.execute("INSERT INTO shmbus_outbox(id,name,key) VALUES("
                    "'018f3b2c-1a2b-7c00-8000-000000000001','test.put','k')")
        app.execute("INSERT INTO shmbus_outbox(name,body,event) VALUES('much',zeroblob(5000),1)")
        app.execute("INSERT INTO shmbus_outbox(name,event) VALUES('',1)")
        add_row(app, 7)
        add_row(app, 8, key="other")
        app.execute("COMMIT")
        self.assertTrue(eventually(lambda: self.rows("SELECT number FROM effects") == [(8,)]))
        letters = self.listed(dead=True)["commands"]
        self.assertEqual([one["name"] for one in letters], ["test.put", "much", ""])
        self.assertIn("an id has 16 bytes", letters[0]["cause"])
        self.assertIn("5000 bytes", letters[1]["cause"])
        self.assertEqual(self.stat()["waiting"], 1)
        change = {"sequence": letters[0]["sequence"], "action": "drop", "name": ""}
        self.tool("call", "spool.change", json.dumps(change))
        self.assertTrue(eventually(
            lambda: self.rows("SELECT number FROM effects ORDER BY number") == [(7,), (8,)]))

    def test_an_outbox_without_end(self):
        """Another program's view cannot hold up the spool."""
        box, app = self.outbox()
        spool = self.start_spool(f"outboxes: [{box}]\noutbox_poll: 10ms\n")
        app.executescript(
            "DROP TABLE shmbus_outbox;"
            "CREATE VIEW shmbus_outbox AS WITH RECURSIVE c(n) AS (VALUES(1) UNION ALL SELECT n+1"
            " FROM c) SELECT n, randomblob(16) AS id, 'a' AS name, '' AS key, x'' AS body,"
            " 0 AS type_hash, '' AS types, 0 AS request_bytes, 0 AS reply_bytes, 0 AS event FROM c;"
            "CREATE TRIGGER gone INSTEAD OF DELETE ON shmbus_outbox BEGIN SELECT 1; END;")
        self.assertTrue(eventually(lambda: "interrupted" in spool.text()))
        self.put("nobody.home", "x")
        self.assertEqual(self.stat()["waiting"], 1)


if __name__ == "__main__":
    main()
