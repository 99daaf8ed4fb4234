"""The training itself: `model.fit`, step by step, over interruptions."""
