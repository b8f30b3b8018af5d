"""The one error that a feature spec can cause."""


class SpecError(ValueError):
    """A spec file that breaks a rule: where, which field, which rule, and what to do about it.

    Attributes:
        file: The spec file, as the caller named it.
        line: Line in the file, from 1; `None` where the file as a whole is meant.
        field: Path of the field within the file, for example `candidates.price.transform`; empty
            for the spec as a whole.
        rule: What is wrong, a sentence that goes on after the field.
        remedy: What to write instead.
    """

    def __init__(self, file: str, line: int | None, field: str, rule: str, remedy: str) -> None:
        # All parts are arguments, so that the error survives pickling between processes.
        super().__init__(file, line, field, rule, remedy)
        self.file = file
        self.line = line
        self.field = field
        self.rule = rule
        self.remedy = remedy

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        subject = f"`{self.field}`" if self.field else "The spec"
        return f"{place}: {subject} {self.rule} {self.remedy}"
