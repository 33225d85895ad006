"""The HTTP door: stores the audio and the job, answers questions about them."""
