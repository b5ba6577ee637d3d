/** Grade many submissions side by side: each in its own locked process, each with its own limits. */
import { Sandbox } from "linden";

const submissions = {
  right: "print(sum(map(int, input().split())))",
  wrong: "print(input())",
  slow: "while True: pass",
};

const verdicts = await Promise.all(
  Object.entries(submissions).map(async ([name, code]) => {
    // CPU time is fair on a busy machine; wall time ends whoever sleeps.
    await using box = await Sandbox.create({ limits: { cpu: "2s", timeout: "20s" } });
    await box.files.write("/work/app.py", code);
    const run = await box.run("python", ["/work/app.py"], { stdin: "3 4\n" });
    const verdict = run.timedOut ? "too slow" : run.stdout.trim() === "7" ? "accepted" : "wrong answer";
    return `${name}: ${verdict}`;
  }),
);
console.log(verdicts.join("\n"));
