"""`python -m keras_seqattn.cli`."""

from keras_seqattn.cli import main

if __name__ == "__main__":
    main()
