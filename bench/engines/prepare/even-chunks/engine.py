"""Cuts a recording that is no sound, but the number of chunks to make."""

from dalston.engine_sdk import Engine, TaskInput, TaskOutput


class EvenChunks(Engine):
    """Makes a file of one byte for each chunk."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Name as many chunks as the recording says."""
        count = int(input.audio_path.read_text(encoding="utf-8"))
        files, chunks = {}, []
        for number in range(count):
            name = f"chunk-{number:05}.wav"
            files[name] = input.work_folder / name
            files[name].write_bytes(b"-")
            times = {"start": 2.0 * number, "end": 2.0 * number + 2}
            core = {"core_start": times["start"], "core_end": times["end"]}
            chunks.append({"file": name, **times, **core})
        facts = {"duration": 2.0 * count, "channels": 1, "sample_rate": 16000}
        return TaskOutput({**facts, "chunks": chunks}, files)


if __name__ == "__main__":
    EvenChunks().run()
