"""A preparer that makes as many chunks as a test asks for."""

from dalston.engine_sdk import Engine, TaskInput, TaskOutput

CHANNELS = 2
"""How many a recording has, if they are to be kept apart."""


class CuttingPreparer(Engine):
    """Reads the number of chunks from the upload, which is no sound at all."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Make a file for each chunk that holds nothing but its number.

        Those of the first channel begin with 100, those of the second with 200. Neighbours share a
        second of sound, unless the upload says `apart` behind the number.
        """
        number_of_chunks, *how = input.audio_path.read_text().split()
        count, shared = int(number_of_chunks), 0.0 if how == ["apart"] else 0.5
        split = input.config["channels"] == "split"
        files, chunks = {}, []
        for number in range(count):
            for channel in range(1, CHANNELS + 1) if split else (None,):
                name = f"{channel or 'mix'}-{number:05}.wav"
                files[name] = input.work_folder / name
                files[name].write_text(str(number + 100 * (channel or 0)))
                times = {"start": max(0.0, number - shared), "end": number + 1 + shared}
                core = {"core_start": float(number), "core_end": number + 1.0}
                place = {} if channel is None else {"channel": channel}
                chunks.append({"file": name, **times, **core, **place})
        channels = CHANNELS if split else 1
        data = {"duration": float(count), "channels": channels, "sample_rate": 16000}
        return TaskOutput({**data, "chunks": chunks}, files)


if __name__ == "__main__":
    CuttingPreparer().run()
