using System.Buffers;

namespace Softswitch.OfAgent.Text;

/// <summary>Cuts <c>key</c>, <c>key=value</c>, <c>key:value</c> and <c>key(value)</c>, between commas and blanks, as ovs-ofctl does.</summary>
internal ref struct KeyValueReader
{
    private static readonly SearchValues<char> Separators = SearchValues.Create(", \t\r\n");
    private static readonly SearchValues<char> KeyEnds = SearchValues.Create("=:(, \t\r\n");
    private ReadOnlySpan<char> _rest;

    public KeyValueReader(ReadOnlySpan<char> text)
    {
        _rest = text;
    }

    /// <summary>What the last pair was read from, with everything behind it.</summary>
    public ReadOnlySpan<char> FromKey { get; private set; }

    /// <returns>False at the end of the text.</returns>
    public bool TryRead(out ReadOnlySpan<char> key, out ReadOnlySpan<char> value)
    {
        int start = _rest.IndexOfAnyExcept(Separators);
        key = default;
        value = default;
        if (start < 0)
        {
            _rest = default;
            return false;
        }
        _rest = _rest[start..];
        FromKey = _rest;
        int end = _rest.IndexOfAny(KeyEnds);
        if (end < 0)
        {
            end = _rest.Length;
        }
        key = _rest[..end];
        char delimiter = end < _rest.Length ? _rest[end] : ',';
        _rest = _rest[Math.Min(end + 1, _rest.Length)..];
        if (delimiter is '=' or ':')
        {
            int length = ValueLength(_rest, closing: false);
            value = _rest[..length];
            _rest = _rest[length..];
        }
        else if (delimiter == '(')
        {
            int length = ValueLength(_rest, closing: true);
            value = _rest[..length];
            _rest = _rest[Math.Min(length + 1, _rest.Length)..];
        }
        return true;
    }

    /// <summary>Up to a separator outside parentheses, or to the parenthesis that closes one opened before.</summary>
    private static int ValueLength(ReadOnlySpan<char> text, bool closing)
    {
        int depth = 0;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '(')
            {
                depth++;
            }
            else if (c == ')')
            {
                if (depth == 0 && closing)
                {
                    return i;
                }
                depth--;
            }
            else if (depth <= 0 && !closing && Separators.Contains(c))
            {
                return i;
            }
        }
        return text.Length;
    }
}
