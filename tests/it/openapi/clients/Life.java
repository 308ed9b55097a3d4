import java.util.List;
import java.util.Map;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.AccountsApi;
import org.openapitools.client.api.SessionsApi;
import org.openapitools.client.model.Credentials;
import org.openapitools.client.model.Error;
import org.openapitools.client.model.ErrorBody;
import org.openapitools.client.model.NewAccessToken;
import org.openapitools.client.model.NewUser;
import org.openapitools.client.model.User;

/** The client of openapi-generator (java, native) lives a life here: BASE. */
public class Life {
    interface Asked {
        void run() throws Exception;
    }

    static void check(boolean holds, Object what) {
        if (!holds) throw new IllegalStateException(String.valueOf(what));
    }

    static ErrorBody refused(Asked asked) throws Exception {
        try {
            asked.run();
        } catch (ApiException error) {
            return new ApiClient().getObjectMapper().readValue(error.getResponseBody(), Error.class).getError();
        }
        throw new IllegalStateException("it is done");
    }

    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(arguments[0]);
        AccountsApi accounts = new AccountsApi(client);
        SessionsApi sessions = new SessionsApi(client);
        NewUser ann = new NewUser().email("java@example.com").password("a-good-password").nick("java");
        User user = accounts.memberCreate(ann);
        check("java@example.com".equals(user.getEmail()), user);
        Credentials credentials = new Credentials().email("java@example.com").password("a-good-password");
        NewAccessToken token = sessions.memberLogin(credentials, null);
        check(user.getId().equals(token.getUserId()), token);
        client.setRequestInterceptor(request -> request.header("Authorization", token.getId()));
        AccountsApi known = new AccountsApi(client);
        check("java".equals(known.memberFindById(user.getId(), null).getNick()), user);
        ErrorBody taken = refused(() -> accounts.memberCreate(ann));
        Map<?, ?> codes = (Map<?, ?>) ((Map<?, ?>) taken.getDetails()).get("codes");
        check(taken.getStatusCode() == 422 && codes.get("email").equals(List.of("uniqueness")), taken);
        new SessionsApi(client).memberLogout(null);
        ErrorBody gone = refused(() -> known.memberFindById(user.getId(), null));
        check(gone.getStatusCode() == 401 && gone.getCode() != null, gone);
        System.out.println("ok");
    }
}
