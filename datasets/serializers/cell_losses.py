"""What the JSON form of rows does not show of them."""

from rest_framework import serializers

from mlops.core.serializers import AnswerSerializer


class TruncatedCellSerializer(AnswerSerializer):
    row = serializers.IntegerField(help_text="The position among the rows shown.")
    column = serializers.CharField()


class NonFiniteCellSerializer(TruncatedCellSerializer):
    value = serializers.ChoiceField(["NaN", "Infinity", "-Infinity"])


class CellLossesSerializer(AnswerSerializer):
    non_finite_cells = NonFiniteCellSerializer(
        many=True, help_text="The first 100 of them."
    )
    non_finite_cell_count = serializers.IntegerField(
        help_text="NaN and infinities, which are words in the rows shown."
    )
    truncated_cells = TruncatedCellSerializer(
        many=True, help_text="The first 100 of them."
    )
    truncated_cell_count = serializers.IntegerField(
        help_text='Long cells, which end with "…" in the rows shown.'
    )
