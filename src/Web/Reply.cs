using Microsoft.AspNetCore.Http;

namespace Softswitch.Web;

/// <summary>Sends replies: what there is to be told, whole and in time, or in one line why not.</summary>
/// <remarks>
/// A reply is given to the connection piece by piece, as the client reads, so that the server's own buffers stay small. Until then it
/// counts as <see cref="ReplyMemory"/>. A client that has not read all within <see cref="Patience"/> loses its connection. Threads: any.
/// </remarks>
/// <param name="time">For the patience.</param>
internal sealed class Reply(TimeProvider time)
{
    /// <summary>Until the whole reply has to be read. A report of 200 switches, 2 MB, passes at 32 kB/s then.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private const int Piece = 16 * 1024;

    private readonly ReplyMemory _memory = new();

    /// <summary>One of the page's files, or that there is none.</summary>
    /// <param name="path">As for <see cref="Assets.TryGet"/>.</param>
    public Task File(HttpContext context, string path) => Assets.TryGet(path, out (string Type, byte[] Content) file)
        ? Write(context, file.Type, file.Content)
        : Refuse(context, StatusCodes.Status404NotFound, $"{path}: there is no such page");

    /// <summary>What was made for this request, or for some.</summary>
    public async Task Send(HttpContext context, Answer answer)
    {
        int length = answer.Content.Length;
        if (!_memory.TryHold(length))
        {
            await RefuseForNow(context, $"replies of {ReplyMemory.Limit >> 20} MiB wait for their clients to read them; try again");
            return;
        }
        try
        {
            await Write(context, answer.Type, answer.Content);
        }
        finally
        {
            _memory.Release(length);
        }
    }

    /// <summary>What is being made for this request.</summary>
    public async Task Send(HttpContext context, Task<Answer> answer) => await Send(context, await answer);

    public static Task Refuse(HttpContext context, int status, string reason)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = Answer.TextType;
        return context.Response.WriteAsync(reason + "\n", context.RequestAborted);
    }

    /// <summary>The server is busy, and says when to come again.</summary>
    public static Task RefuseForNow(HttpContext context, string reason)
    {
        context.Response.Headers.RetryAfter = "5";
        return Refuse(context, StatusCodes.Status503ServiceUnavailable, reason);
    }

    private async Task Write(HttpContext context, string type, ReadOnlyMemory<byte> content)
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = content.Length;
        if (HttpMethods.IsHead(context.Request.Method))
        {
            return;
        }
        using var patience = new CancellationTokenSource(Patience, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, context.RequestAborted);
        for (ReadOnlyMemory<byte> rest = content; !rest.IsEmpty; rest = rest[Math.Min(Piece, rest.Length)..])
        {
            // One that is cancelled closes the connection.
            await context.Response.Body.WriteAsync(rest[..Math.Min(Piece, rest.Length)], stop.Token);
        }
    }
}
