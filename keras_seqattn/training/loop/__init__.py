"""The training itself: `model.fit`, step by step and over interruptions."""
