"""A diarizer that listens to nothing."""

from dalston.engine_sdk import Engine, TaskInput, TaskOutput


class TurnFinder(Engine):
    """Gives each second to the next speaker; there are two unless a number is asked for."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Return turns of a second."""
        count = input.config["num_speakers"] or 2
        seconds = int(input.previous_outputs["prepare"]["duration"])
        names = [f"speaker_{number + 1}" for number in range(count)]
        turns = [
            {"start": float(at), "end": at + 1.0, "speaker": names[at % count]}
            for at in range(seconds)
        ]
        return TaskOutput(
            {"turns": turns, "speakers": [{"id": name, "label": name.title()} for name in names]}
        )


if __name__ == "__main__":
    TurnFinder().run()
